package handover

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
)

// The states that Notify knows; MAINPID=N is another one.
const (
	NotifyReady    = "READY=1"
	NotifyStopping = "STOPPING=1"
)

// Notify tells systemd of a state, as sd_notify(3) does. Without NOTIFY_SOCKET in the environment nobody wants to know.
func Notify(ctx context.Context, states ...string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(path, "@"); ok {
		path = "\x00" + rest // Linux's abstract names
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", path)
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(strings.Join(states, "\n")))
	return errors.Join(err, conn.Close())
}
