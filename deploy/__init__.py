"""Starting the portal on one machine, and examples for many.

Standard library only: it runs before anything is installed.
"""
