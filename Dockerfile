# A worker's image: the locked core without the demo's and the developer's packages, run by a user without rights.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
# Everything a house runs; a worker of rules and compiled models alone needs none of it: --build-arg EXTRAS=
ARG EXTRAS=[all]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Every package as a wheel with its hash checked; the image then takes from these only what the core asks for.
COPY requirements.lock ./
RUN pip wheel --no-deps --require-hashes --wheel-dir /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY risk_stream ./risk_stream
COPY rules ./rules
COPY models ./models
COPY people ./people
RUN pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/risk-stream \
 && /opt/risk-stream/bin/pip install --no-index --find-links /wheels "risk-stream${EXTRAS}"

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="risk-stream" \
      org.opencontainers.image.description="Real-time risk monitoring on Kafka and Faust" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/cache/risk-stream --create-home --shell /usr/sbin/nologin risk \
 && install -d -o risk /var/lib/risk-stream/audit \
 && install -d -o risk /var/lib/risk-stream/book
COPY --from=build /opt/risk-stream /opt/risk-stream
COPY rules /etc/risk-stream/rules
COPY models /etc/risk-stream/models
COPY people /etc/risk-stream/people
# Compiled kernels are kept in the cache folder: mount it, and a restarted worker is ready at once.
ENV PATH=/opt/risk-stream/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/risk-stream/numba \
    RISK_STREAM_RULES='["/etc/risk-stream/rules"]'
USER 10001
WORKDIR /var/cache/risk-stream
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/metrics', timeout=3)"]
ENTRYPOINT ["risk-stream"]
CMD ["worker"]
