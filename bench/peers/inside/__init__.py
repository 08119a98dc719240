"""Programs that run inside an enclosure (`bench.peers.enclosure`), each of which makes a network there."""
