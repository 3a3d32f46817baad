"""Sessions in web frameworks: ``flask``, ``starlette``, ``django``. Each framework is imported by its module only."""
