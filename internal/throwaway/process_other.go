//go:build !linux

package throwaway

import (
	"errors"
	"os"
	"syscall"
)

// account is the user that the server runs as; nil means the present one, which is all that is possible here.
type account struct{ uid, gid uint32 }

func serverAccount() (*account, error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("PostgreSQL refuses to run as root: run this as another user")
	}
	return nil, nil
}

func attributes(*account) *syscall.SysProcAttr { return nil }
