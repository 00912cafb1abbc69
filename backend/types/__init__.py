"""The types of the GraphQL schema, one file for each noun."""
