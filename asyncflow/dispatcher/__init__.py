"""The loop: take in, decide, commit, publish, and the timers and watchdog around it."""
