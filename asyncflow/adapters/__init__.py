"""What fulfils the ports: AMQP, the embedded transport, the stores."""
