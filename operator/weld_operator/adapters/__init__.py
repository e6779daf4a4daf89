"""What the operator touches: the cluster, the lease, the clock, and the port that it is asked at."""
