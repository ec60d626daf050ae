package platform

import "syscall"

// ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED.
var fullDiskOS = []syscall.Errno{39, 112, 1295}
