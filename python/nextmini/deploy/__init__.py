"""Experiments in containers: what runs where, as a document of Docker Compose and others, and how it is run.

- `deployment`: services, whoever starts them, in terms that all of these programs have
- `planning`: from a network to such a deployment. Both are pure, and so are documents
"""
