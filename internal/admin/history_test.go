package admin_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"paritygate/internal/admin"
)

func TestHistoryKeepsAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := shop()
		h := admin.NewHistory(r)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(3 * time.Hour) // the bubble's clock, not ours
		synctest.Wait()
		points := h.Points(ctx)
		if len(points) != 1800 {
			t.Fatalf("%d points", len(points))
		}
		for i := 1; i < len(points); i++ {
			if points[i].Time != points[i-1].Time+2 {
				t.Fatalf("point %d is at %d, the one before at %d", i, points[i].Time, points[i-1].Time)
			}
		}
		if age := time.Now().Unix() - points[len(points)-1].Time; age > 2 {
			t.Errorf("the latest point is %d s old", age)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestHistoryLeavesGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := shop()
		h := admin.NewHistory(r)
		for range 5 { // asked at once: one point
			h.Points(t.Context())
		}
		r.locked(func() { r.err = errors.New("store is down") })
		time.Sleep(10 * time.Second)
		h.Points(t.Context())
		r.locked(func() { r.err = nil })
		time.Sleep(10 * time.Second)
		if points := h.Points(t.Context()); len(points) != 2 || points[1].Time-points[0].Time != 20 || points[0].Tolerance != .01 {
			t.Errorf("%+v", points)
		}
	})
}
