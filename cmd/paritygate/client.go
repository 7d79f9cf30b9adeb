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
	address, err := o.adminAddress()
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", exit(exitUsage, "admin.address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// adminAddress is that of the configuration, which must be valid. What is urgent goes by its admin.address alone, if the file has one.
func (o *options) adminAddress() (string, error) {
	c, err := config.Load(o.config, o.sys.lookup)
	if err == nil {
		return c.Admin.Address, nil
	}
	if address, ok := config.AdminAddress(o.config, o.sys.lookup); ok && o.urgent {
		fmt.Fprintf(o.sys.err, "warning: %s is not valid (`paritygate validate` says why), and was read for its admin.address alone, %s\n", o.config, address)
		return address, nil
	}
	return "", fmt.Errorf("%w\nthe file was read for its admin.address; --admin URL does without it", err)
}
