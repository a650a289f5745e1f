"""Public import paths of the interface.

A module here re-exports what the packages below define. What only other programs use is defined here itself; no other
package of `prefect` imports it.
"""
