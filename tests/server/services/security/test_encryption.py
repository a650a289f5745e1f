"""The file of the key that encrypts blocks."""

import threading

from prefect.server.services.security import encryption


def test_processes_that_create_the_key_concurrently_share_one(tmp_path):
    path = tmp_path / "encryption.key"
    together = threading.Barrier(8)

    def create(key: str) -> None:
        together.wait()
        encryption._write_private_file(path, key)

    threads = [threading.Thread(target=create, args=(f"key {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in {f"key {number}" for number in range(8)}
    assert [each.name for each in tmp_path.iterdir()] == ["encryption.key"]
