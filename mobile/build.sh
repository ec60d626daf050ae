#!/bin/sh
# Builds the phone libraries with gomobile where their tools are, and says what is
# missing where they are not:
#
#   mobile/build.sh android    bin/voile.aar, for Gradle (mobile/kotlin)
#   mobile/build.sh ios        mobile/swift/Mobile.xcframework, for Swift packages
set -eu
cd "$(dirname "$0")/.."
target=${1:-}
missing=""

lacks() { missing="$missing
  - $1"; }

case $target in
android)
	sdk=${ANDROID_HOME:-${ANDROID_SDK_ROOT:-}}
	ndk=${ANDROID_NDK_HOME:-}
	if [ -z "$sdk" ] || [ ! -d "$sdk" ]; then
		lacks "Android's SDK: set ANDROID_HOME to its folder"
	else
		ls -d "$sdk"/platforms/android-* >/dev/null 2>&1 || lacks "a platform of the SDK: sdkmanager 'platforms;android-35'"
		[ -n "$ndk" ] || ndk=$(ls -d "$sdk"/ndk/* 2>/dev/null | sort -V | tail -1 || true)
	fi
	if [ -z "$ndk" ] || [ ! -d "$ndk" ]; then
		lacks "Android's NDK, r28 or newer: sdkmanager 'ndk;28.2.13676358', or set ANDROID_NDK_HOME"
	fi
	command -v javac >/dev/null || lacks "a JDK, 17 or newer (javac)"
	;;
ios)
	[ "$(uname -s)" = Darwin ] || lacks "macOS: Apple's tools run nowhere else"
	command -v xcodebuild >/dev/null && xcodebuild -version >/dev/null 2>&1 || lacks "Xcode 15 or newer (xcodebuild)"
	;;
*)
	echo "usage: mobile/build.sh android|ios" >&2
	exit 2
	;;
esac
command -v go >/dev/null || lacks "Go 1.26"
if [ -n "$missing" ]; then
	echo "make $target: this machine lacks$missing" >&2
	echo "What needs none of it is tested by \`make mobile-test\`." >&2
	exit 1
fi

# gomobile calls gobind by its name; both are of the version that go.mod names.
tools=$(pwd)/bin/tools
go build -o "$tools/" golang.org/x/mobile/cmd/gomobile golang.org/x/mobile/cmd/gobind
PATH=$tools:$PATH
export PATH
case $target in
android)
	ANDROID_HOME=$sdk ANDROID_NDK_HOME=$ndk
	export ANDROID_HOME ANDROID_NDK_HOME
	# 16 KiB pages, which newer devices have. The libraries keep their symbols for
	# reading crash reports; Gradle leaves them out of the app.
	gomobile bind -target=android/arm64,android/amd64,android/arm -androidapi 26 -javapkg=net.voile -trimpath \
		-ldflags='-extldflags=-Wl,-z,max-page-size=16384' -o bin/voile.aar ./mobile
	go test -count=1 -run TestAndroidArchive ./mobile/jvmtest
	echo "bin/voile.aar"
	;;
ios)
	rm -rf mobile/swift/Mobile.xcframework
	gomobile bind -target=ios,iossimulator,macos -iosversion 15.0 -trimpath -o mobile/swift/Mobile.xcframework ./mobile
	echo "mobile/swift/Mobile.xcframework"
	;;
esac
