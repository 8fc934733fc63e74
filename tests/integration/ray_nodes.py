"""Two Ray nodes on this machine, of a core each, in a process of their own: Ray is set up once in each."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ray_nodes() -> Iterator[tuple[dict[str, str], "subprocess.Popen[str]"]]:
    """The variables by which a run joins them, and their process: for each line that it reads a node dies."""
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with subprocess.Popen(
        [sys.executable, __file__],
        env=os.environ | secret,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nodes:
        assert nodes.stdout
        yield secret | {"RAY_ADDRESS": nodes.stdout.readline().strip()}, nodes
        nodes.communicate(timeout=60)


def main() -> None:
    """Start them, print their address, and end one for each line, and all at the end of the input."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(node, allow_graceful=False)
        print("dead", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
