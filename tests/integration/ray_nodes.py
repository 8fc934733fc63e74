"""Two Ray nodes on this machine, of a core each: prints their address; for each line that is read one dies.

Run as a process of its own, for Ray is set up once in each.
"""

import sys

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
node = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for _ in sys.stdin:
    cluster.remove_node(node, allow_graceful=False)
    print("dead", flush=True)
cluster.shutdown()
