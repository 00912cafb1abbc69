"""Real servers for the tests: Kafka and Cassandra from Maven Central's jars, on free ports, in temporary folders."""
