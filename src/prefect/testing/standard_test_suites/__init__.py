"""Test classes that packages subclass to test what they define."""

from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite

__all__ = ["BlockStandardTestSuite"]
