"""The suite mirrors the package: tests/ROOM/test_MODULE.py."""
