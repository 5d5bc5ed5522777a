"""PostgreSQL: the entities, the queries, the migrations and the embedded server."""
