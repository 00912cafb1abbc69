"""Real Cassandra nodes, each one JVM; a second one joins the first."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pipeline.java import find_java
from tests.servers import jars
from tests.servers.process import Server, free_port

_OPENED = (
    "java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.lang.ref"
    " java.base/java.io java.base/java.nio java.base/java.util java.base/java.util.concurrent"
    " java.base/java.util.concurrent.atomic java.base/java.util.concurrent.locks java.base/java.math"
    " java.base/sun.nio.ch java.base/sun.nio.fs java.base/jdk.internal.loader java.base/jdk.internal.ref"
    " java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module"
    " java.base/jdk.internal.util.jar jdk.management/com.sun.management.internal"
)
_EXPORTED = (
    "java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.lang.ref"
    " java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server"
    " java.sql/java.sql jdk.unsupported/sun.misc jdk.attach/sun.tools.attach"
)
# A batch commit log: with the default a mere kill -9 loses acknowledged rows.
_CONFIGURATION = """cluster_name: bikewire-tests
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{seed}"}}]
listen_address: {address}
rpc_address: {address}
native_transport_port: {port}
storage_port: {storage_port}
data_file_directories: ["{folder}/data"]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc_raw
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 128MiB
memtable_heap_space: 96MiB
memtable_offheap_space: 96MiB
file_cache_size: 64MiB
key_cache_size: 8MiB
counter_cache_size: 0MiB
concurrent_compactors: 1
concurrent_reads: 8
concurrent_writes: 8
auto_snapshot: false
hinted_handoff_enabled: true
max_hint_window: 3h
storage_compatibility_mode: NONE
"""
_LOGBACK = """<configuration><appender name="F" class="ch.qos.logback.core.FileAppender">
<file>{folder}/system.log</file><encoder><pattern>%-5level %date{{ISO8601}} %F:%L - %msg%n</pattern></encoder>
</appender><root level="INFO"><appender-ref ref="F"/></root></configuration>"""


class CassandraNode(Server):
    """A node on ``address``; all nodes of a cluster share the ports of the first one, ``seed``."""

    def __init__(self, folder: Path, seed: CassandraNode | None = None) -> None:
        super().__init__(folder)
        self.port: int = seed.port if seed else free_port()
        self.storage_port: int = seed.storage_port if seed else free_port()
        # On Linux all of 127/8 is this machine; a second node needs an address of its own.
        self.address: str = f"127.0.0.{int(seed.address.rsplit('.')[-1]) + 1}" if seed else "127.0.0.1"
        self._seed = f"{seed.address if seed else self.address}:{self.storage_port}"
        self._jars = jars.folder(f"cassandra-{jars.CASSANDRA}")
        self._java = str(find_java().program)
        self._configure()

    def move(self, address: str) -> None:
        """Answer there from the next start on; only for the one node of a cluster."""
        self.address, self._seed = address, f"{address}:{self.storage_port}"
        self._configure()

    def command(self) -> list[str]:
        opened = [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED.split()]
        exported = [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTED.split()]
        main = "org.apache.cassandra.service.CassandraDaemon"
        return [self._java, *self._options(), *opened, *exported, "-cp", self._class_path(), main]

    def answers(self) -> bool:
        """Whether a CQL OPTIONS request is answered by SUPPORTED."""
        try:
            with socket.create_connection((self.address, self.port), 1) as connection:
                connection.settimeout(2)
                connection.sendall(b"\x04\0\0\0\x05\0\0\0\0")
                return connection.recv(9)[4:5] == b"\x06"
        except OSError:
            return False

    def stop(self) -> None:
        super().stop()
        written = self.folder / "tmp" / "classes.jsa"
        if written.exists() and not self._archive.exists():
            os.replace(written, self._archive)

    @property
    def _archive(self) -> Path:
        return self._jars / "classes.jsa"

    def _options(self) -> list[str]:
        configuration = self.folder / "conf"
        archive = self._archive
        use = f"-XX:SharedArchiveFile={archive}"
        make = f"-XX:ArchiveClassesAtExit={self.folder}/tmp/classes.jsa"
        return [
            *("-Xms384M", "-Xmx384M", "-Xss384k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-XX:+ExitOnOutOfMemoryError", use if archive.exists() else make, "-Xlog:disable"),
            # A test does not wait for a ring of hundreds of nodes to settle.
            "-Dcassandra.ring_delay_ms=1000",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.shutdown_announce_in_ms=100",
            "-Djdk.attach.allowAttachSelf=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            "-Djava.awt.headless=true",
            "-Dcassandra-foreground=yes",
            f"-Djava.io.tmpdir={self.folder}/tmp",
            f"-Dcassandra.storagedir={self.folder}",
            f"-Dcassandra.logdir={self.folder}",
            f"-Dcassandra.config=file://{configuration}/cassandra.yaml",
            f"-Dlogback.configurationFile={configuration}/logback.xml",
            f"-Dcassandra-rackdc.properties=file://{configuration}/cassandra-rackdc.properties",
        ]

    def _class_path(self) -> str:
        foreign = ("-osx", "-windows")
        return ":".join(str(jar) for jar in sorted(self._jars.glob("*.jar")) if not any(x in jar.name for x in foreign))

    def _configure(self) -> None:
        configuration = self.folder / "conf"
        for folder in (configuration, self.folder / "tmp"):
            folder.mkdir(exist_ok=True)
        text = _CONFIGURATION.format(
            seed=self._seed,
            address=self.address,
            port=self.port,
            storage_port=self.storage_port,
            folder=self.folder,
        )
        (configuration / "cassandra.yaml").write_text(text)
        (configuration / "logback.xml").write_text(_LOGBACK.format(folder=self.folder))
        (configuration / "cassandra-rackdc.properties").write_text("dc=dc1\nrack=r1\n")
