/* Stands for Android's header, so that what gobind generates builds for a desktop. */
#ifndef VOILE_TEST_ANDROID_LOG_H
#define VOILE_TEST_ANDROID_LOG_H

#include <stdio.h>

#define ANDROID_LOG_INFO 4
#define ANDROID_LOG_ERROR 6
#define ANDROID_LOG_FATAL 7

#define __android_log_print(priority, tag, ...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

static inline int __android_log_write(int priority, const char *tag, const char *text) {
	(void)priority;
	return fprintf(stderr, "%s: %s\n", tag, text);
}

#endif
