"""A deployment as manifests of Kubernetes.

- `documents`: which objects there are, and in which order
- `pods`: what a service is, whatever starts it
- `placement`: on which machines it may be

All of it is pure.
"""
