"""The HTTP surface: schemas, blueprints, error handlers."""
