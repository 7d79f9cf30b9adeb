# A static binary and the certificates of public authorities, nothing else: no shell, no package manager, no root.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) --build-arg COMMIT=$(git rev-parse HEAD) -t paritygate .
#   docker run -p 8080:8080 -v ./paritygate.yaml:/etc/paritygate/paritygate.yaml:ro -v paritygate:/var/lib/paritygate paritygate
#
# The admin API, the console and /metrics listen on loopback by default, which inside a container nobody else reaches. To
# publish port 9090, name users with tokens in the configuration and set `admin.address: ":9090"`.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
ARG COMMIT
RUN make build VERSION="$VERSION" COMMIT="$COMMIT" \
 && mkdir -p /image/tmp /image/var/lib/paritygate /image/etc/ssl/certs /image/usr/bin \
 && chmod 1777 /image/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && cp bin/paritygate /image/usr/bin/ \
 && chown 65532:65532 /image/var/lib/paritygate

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
# Relative paths of the configuration, such as the store's, are below this directory. A volume keeps the run's phase, its
# evidence and its audit log: without one, a new container begins a new run.
WORKDIR /var/lib/paritygate
VOLUME /var/lib/paritygate
EXPOSE 8080 9090
ENTRYPOINT ["/usr/bin/paritygate"]
CMD ["serve", "--config", "/etc/paritygate/paritygate.yaml"]
