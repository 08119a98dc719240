"""Adds up the arrays of all nodes of a ring, so that each has the sum: what training waits for.

Every node starts it with its rank, the last one last. Each sends to the node with the next rank and hears
from the one before, over a TCP connection each. An array is cut into as many pieces as there are nodes. In
N - 1 steps pieces go round and are added to (reduce-scatter), after which each node has one piece of the sum;
in N - 1 more these go round (all-gather). So a node sends 2 (N - 1) / N arrays, and a piece in each step.

What is added is known, so the sum is, and it is compared number by number. One line of JSON tells what was
done: `began` and `ended` by a clock that all processes of a machine share, and what TCP says of the
connection to the next node: the bytes that it sent, and how many of these again.
"""

import argparse
import json
import select
import socket
import struct
import sys
import time
from array import array
from operator import add

PORT = 7000
NUMBER = "q"  # 64 bits
SENT = struct.Struct("=200x2Q")  # bytes_sent and bytes_retrans of struct tcp_info in linux/tcp.h
PATIENCE = 120.0


def main():
    arguments = options()
    rank, nodes = arguments.rank, arguments.nodes
    before, after = ring(rank, nodes, arguments.next)
    began = time.monotonic()
    for each in range(arguments.rounds):
        numbers = own(rank, each, arguments.numbers)
        all_reduce(numbers, rank, before, after, nodes)
        check(numbers, nodes, each)
    ended = time.monotonic()
    sent, again = close(before, after)
    size = arguments.numbers * array(NUMBER).itemsize
    done = {"rank": rank, "bytes": size, "rounds": arguments.rounds, "sent": sent, "sent_again": again}
    print(json.dumps({**done, "began": began, "ended": ended, "seconds": ended - began}), flush=True)


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rank", type=int, required=True, help="from 0")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--next", required=True, help="name or address of the node with the next rank")
    parser.add_argument("--numbers", type=int, default=100_000, help="in each array, of 8 bytes each")
    parser.add_argument("--rounds", type=int, default=1, help="how often all is added up")
    arguments = parser.parse_args()
    if not 0 <= arguments.rank < arguments.nodes or arguments.nodes < 2:
        parser.error("there are at least two nodes, with ranks from 0")
    if arguments.numbers < 1 or arguments.numbers % arguments.nodes:
        parser.error("--numbers has to be a multiple of --nodes")
    return arguments


def ring(rank, nodes, following):
    """Connections from the node before and to the one after.

    The last rank connects first, and each other one when it has been connected to: then all of them listen.
    """
    with socket.create_server(("", PORT)) as server:
        server.settimeout(PATIENCE)
        after = connect(following) if rank == nodes - 1 else None
        before, _ = server.accept()
        before.settimeout(PATIENCE)
    return before, after or connect(following)


def connect(name):
    connection = socket.create_connection((name, PORT), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def own(rank, each, length):
    """What a node has to add in a round."""
    return array(NUMBER, range(rank + each, rank + each + length))


def check(numbers, nodes, each):
    """Ends the program unless these are the sums of a round."""
    least = sum(rank + each for rank in range(nodes))
    if numbers != array(NUMBER, range(least, least + nodes * len(numbers), nodes)):
        sys.exit("error: the sum is wrong")


def all_reduce(numbers, rank, before, after, nodes):
    """Adds to `numbers` those of all other nodes."""
    length = len(numbers) // nodes
    for step in range(2 * (nodes - 1)):
        out, into = piece(rank - step, nodes, length), piece(rank - step - 1, nodes, length)
        got = exchange(numbers[out], before, after)
        numbers[into] = array(NUMBER, map(add, numbers[into], got)) if step < nodes - 1 else got


def piece(number, nodes, length):
    """Where a piece stands in an array."""
    begin = number % nodes * length
    return slice(begin, begin + length)


def exchange(out, before, after):
    """Sends a piece while another one, of the same length, comes."""
    got = array(NUMBER, bytes(len(out) * out.itemsize))
    to_send, to_come = memoryview(out).cast("B"), memoryview(got).cast("B")
    while to_send or to_come:
        comes, goes, _ = select.select([before] * bool(to_come), [after] * bool(to_send), [], PATIENCE)
        if comes:
            came = before.recv_into(to_come)
            if not came:
                sys.exit("error: the node before has ended")
            to_come = to_come[came:]
        if goes:
            to_send = to_send[after.send(to_send, socket.MSG_DONTWAIT) :]
        if not comes and not goes:
            sys.exit(f"error: nothing has come or gone for {PATIENCE:g} s")
    return got


def close(before, after):
    """Bytes that were sent to the next node, and how many of them again; it has all of them then."""
    after.shutdown(socket.SHUT_WR)
    if before.recv(1):
        sys.exit("error: there is more than there should be")
    before.close()
    after.recv(1)  # until the next node closes, which it does when it has everything
    told = after.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SENT.size)
    after.close()
    return SENT.unpack(told)


if __name__ == "__main__":
    main()
