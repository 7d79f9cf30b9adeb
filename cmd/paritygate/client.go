package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"paritygate/config"
	"paritygate/internal/admin"
)

// clientTimeout is beyond the longest flip: POST /v1/cutover answers when it is over.
const clientTimeout = 5 * time.Minute

// client reaches the running proxy: at --admin, else at the address that the configuration gives.
func (o *options) client() (*admin.Client, error) {
	url := o.admin
	if url == "" {
		var err error
		if url, err = o.configuredAdmin(); err != nil {
			return nil, err
		}
	}
	token, _ := o.sys.lookup(o.tokenEnv)
	client, err := admin.NewClient(url, token, &http.Client{Timeout: clientTimeout})
	if err != nil {
		return nil, exit(exitUsage, "--admin: %w", err)
	}
	return client, nil
}

// cause is an error of the file system without the call and the path.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

func (o *options) configuredAdmin() (string, error) {
	if _, err := os.Stat(o.config); err != nil {
		return "", exit(exitUsage, "%s cannot be read: %w; name the running proxy with --admin URL, or its configuration with --config FILE", o.config, cause(err))
	}
	c, err := config.Load(o.config, o.sys.lookup)
	if err != nil {
		return "", fmt.Errorf("%w\nthe file was read for its admin.address; --admin URL does without it", err)
	}
	host, port, err := net.SplitHostPort(c.Admin.Address)
	if err != nil {
		return "", exit(exitUsage, "admin.address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
