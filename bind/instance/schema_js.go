package instance

// schemas is nil: a page knows the API from the package around the module, and
// does not load what makes schemas.
func schemas() func(name string) (string, error) { return nil }
