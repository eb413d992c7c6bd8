"""What the tests of the AMQP adapter do to a broker."""

from tests.servers import RabbitServer


def close_connections(rabbit: RabbitServer, url: str) -> None:
    """Have the server close every connection of a virtual host, as an operator may."""
    vhost = url.rsplit("/", 1)[1]
    rabbit.control("close_all_connections", "-p", vhost, "closed by a test")
