"""From a scenario file to what a cluster takes: the deployment, its folder, and the texts."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING

from nextmini.deploy.any_order import in_any_order
from nextmini.deploy.folder import DeploymentFolder
from nextmini.deploy.kubernetes.documents import manifests, namespace_of
from nextmini.deploy.kubernetes.names import SECRETS
from nextmini.deploy.planning import Wishes, has_devices, plan
from nextmini.deploy.siting import with_sites, without_sites
from nextmini.deploy.spreading import spread
from nextmini.deploy.swarm import Placement, stack
from nextmini.deploy.yaml_text import yaml_text
from nextmini.experiment.run import named_network

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Deployment
    from nextmini.deploy.kubernetes.documents import Cluster
    from nextmini.scenario import Network, Scenario


_USUAL = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""Where clusters have pods and services (RFC 1918)."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """A network and its services, which start in any order."""

    network: Network
    deployment: Deployment


def cluster_plan(scenario: Scenario, name: str | None, wishes: Wishes, per_container: int) -> ClusterPlan:
    """The plan, under another `name` than the scenario's if there is one.

    Raises ScenarioError if the scenario has what containers cannot have.
    """
    plain, sites = without_sites(scenario)
    network = named_network(spread(plain, per_container), name)
    return ClusterPlan(network, in_any_order(with_sites(plan(network, wishes), sites)))


def folder_of(state: Path, experiment: str, kind: str) -> DeploymentFolder:
    """Where secrets and files of a deployment are; no experiment's name has a dot."""
    return DeploymentFolder.of(state, f"{experiment}.{kind}")


def stack_text(found: ClusterPlan, folder: DeploymentFolder, site_label: str, subnet: str | None) -> str:
    """Writes files and secrets of a stack, and returns the document.

    Raises ScenarioError, PrerequisiteError.
    """
    placement = Placement(PurePosixPath(folder.path.absolute()), site_label, subnet)
    document = stack(found.deployment, found.network, placement)
    folder.prepare(found.deployment)
    name = found.deployment.experiment
    head = f"Experiment {name}, by `nextmini swarm`: docker stack deploy --compose-file FILE {name}"
    return yaml_text([document], head)


def manifests_text(found: ClusterPlan, folder: DeploymentFolder, cluster: Cluster) -> str:
    """Makes the secrets of a deployment, and returns its manifests.

    Raises ScenarioError, PrerequisiteError.
    """
    documents = manifests(found.deployment, cluster)
    folder.prepare(found.deployment)
    head = (
        f"Experiment {found.deployment.experiment}, by `nextmini kubernetes`: kubectl apply --filename FILE"
    )
    return yaml_text(documents, head)


def address_note(found: ClusterPlan) -> str | None:
    """What to look at where nodes have addresses that pods or services of a cluster usually have."""
    prefix = ip_network(found.network.prefix)
    if not has_devices(found.network) or not any(prefix.overlaps(usual) for usual in _USUAL):
        return None
    return (
        f"programs in pods take all of {prefix} for nodes: if pods or services of the cluster have addresses "
        'there, write another prefix under [network], such as "198.18.0.0/15"'
    )


def secret_command(deployment: Deployment, folder: DeploymentFolder, cluster: Cluster) -> str:
    """How the cluster gets the secrets, which are in no manifest."""
    namespace = namespace_of(deployment, cluster)
    files = quote(str(folder.secrets.absolute()))
    return f"kubectl create secret generic {SECRETS} --namespace {namespace} --from-file={files}"
