"""Experiments in containers: what runs where, as a document of Docker Compose and others, and how it is run.

- `deployment`: services, whoever starts them, in terms that all of these programs have
- `planning`: from a network to such a deployment; `any_order`: one whose services start at once
- `compose_document`, `swarm`, `kubernetes`: documents of it. All of these are pure
- `folder`: secrets and files on this machine; `project`, `stack_running`: what starts and ends it
"""
