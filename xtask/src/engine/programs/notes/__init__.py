"""A small web application as people write them: it was never told of a read-only root."""
