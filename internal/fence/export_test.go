package fence

import "time"

// NeverRepeat has the statements run once, whatever is left of what began before.
func (d *Databases) NeverRepeat() { d.fence.repeatAfter = time.Hour }
