"""Which of a node's addresses its name stands for first."""

GAI = "precedence ::ffff:0:0/96 100\n"
"""/etc/gai.conf: its IPv4 address, where nothing else is asked for (gai.conf(5))."""
