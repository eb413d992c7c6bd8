"""What users test their flows with: no broker, no worker, no waiting."""
