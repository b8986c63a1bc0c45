"""Speed, as ratios against raw HTTP clients doing the same work on the same loopback server in the same run."""
