"""What engines say, and what is made of it."""

from __future__ import annotations

import pytest

from nextmini.deploy.trouble import advice, last_lines


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            "no Docker engine",
        ),
        ("docker.errors.DockerException: Error while fetching server API version: ...", "no Docker engine"),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "does not let this user in",
        ),
        ("pull access denied for nextmini, repository does not exist", "an image is missing"),
        (
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup: no such host',
            "no registry can be reached",
        ),
        ("Bind for 0.0.0.0:7700 failed: port is already allocated", "a port of this machine is in use"),
        (
            "could not find an available, non-overlapping IPv4 address pool among the defaults",
            "no addresses left for another network",
        ),
        (
            'error gathering device information while adding custom device "/dev/net/tun": no such file',
            "no TUN devices",
        ),
        ("error: the device n1-eth0 of node n1 cannot be made: [Errno 1] Operation not permitted", "refuses"),
        ('exec: "docker-init": executable file not found in $PATH', "docker-init"),
        ("write /var/lib/docker/x: no space left on device", "the disk is full"),
        ("services.a.cpus is invalid because it should be a string", "does not read the file"),
    ],
)
def test_what_is_known_has_a_remedy(said: str, what: str) -> None:
    known = advice(said)
    assert known is not None
    assert what in known.what
    assert known.remedy


def test_what_is_new_has_none() -> None:
    assert advice("the moon is full") is None


def test_the_end_of_what_was_said_is_one_line() -> None:
    assert last_lines("a\n\n b \nc\n", 2) == "b | c"
    assert last_lines("") == "nothing"
