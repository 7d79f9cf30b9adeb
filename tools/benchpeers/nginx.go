//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nginxConfig is nginx as one would tune it for this work: one worker for the one core, connections kept on both sides, bodies in
// memory, no log. The mirror is configured to keep its connections as well, but does not: it wants no more of an answer than the
// headers, and nginx closes a connection on which the rest of an answer is to come.
const nginxConfig = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 120s;
    keepalive_requests 100000000;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffer_size 8k;
    proxy_buffers 8 16k;
    proxy_max_temp_file_size 0;

    upstream old { server OLD; keepalive 128; keepalive_requests 100000000; }
    upstream new { server NEW; keepalive 128; keepalive_requests 100000000; }
    server {
        listen LISTEN;
        location / {
            MIRROR
            proxy_pass http://old;
        }
        location = /mirror {
            internal;
            proxy_pass http://new$request_uri;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
`

// startNginx runs nginx, mirroring or not.
func (b *bench) startNginx(dir, listen string, mirroring bool) (*process, error) {
	mirror := ""
	if mirroring {
		mirror = "mirror /mirror; mirror_request_body off;"
	}
	config := strings.NewReplacer("LISTEN", listen, "OLD", b.old.addr.String(), "NEW", b.new.addr.String(), "MIRROR", mirror).Replace(nginxConfig)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("nginx's configuration: %w", err)
	}
	return startOn(b.proxyCore, b.loadCore, dir, b.nginx, "-p", dir, "-c", file, "-e", "stderr")
}
