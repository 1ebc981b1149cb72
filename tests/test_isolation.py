"""The guards of conftest.py guard."""

import socket

import pytest

from companion import paths


def test_a_connection_elsewhere_ends_a_test():
    with socket.socket() as connection:
        connection.settimeout(0.1)
        # an address reserved for documentation
        with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
            connection.connect(("192.0.2.1", 80))


def test_a_name_looked_up_ends_a_test():
    with pytest.raises(pytest.fail.Exception, match=r"example\.org"):
        socket.getaddrinfo("example.org", 80)


def test_this_machine_may_talk_to_itself():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_each_test_starts_with_an_empty_cache_of_its_own(cache, tmp_path):
    assert paths.cache_root() == cache
    assert tmp_path in cache.parents
    assert not cache.exists()
