package wrappers

func (m *model) swiftFiles() map[string][]byte { return nil }
