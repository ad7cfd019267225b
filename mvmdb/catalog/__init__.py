"""The database: tables, SQL objects and questions. The only importer of sqlalchemy, psycopg and alembic."""
