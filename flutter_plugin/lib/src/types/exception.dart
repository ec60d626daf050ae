import 'package:meta/meta.dart';

import '../error_code.dart';
import 'equality.dart';
import 'fields.dart';

/// An operation that failed, with the fields that its kind has.
///
/// The fifteen kinds are classes of this one, so that a `switch` can tell them
/// apart; [code] is the same number in every language.
@immutable
sealed class VeilidAPIException with ValueEquality implements Exception {
  const VeilidAPIException._();

  /// Reads a value of JSON; an unknown kind is a [FormatException].
  factory VeilidAPIException.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidAPIError');
    String text(String name) => fields.textOrNull(name) ?? '';
    return switch (fields.text('kind')) {
      'NotInitialized' => const VeilidAPIExceptionNotInitialized(),
      'AlreadyInitialized' => const VeilidAPIExceptionAlreadyInitialized(),
      'Timeout' => const VeilidAPIExceptionTimeout(),
      'TryAgain' => VeilidAPIExceptionTryAgain(text('message')),
      'Shutdown' => const VeilidAPIExceptionShutdown(),
      'InvalidTarget' => VeilidAPIExceptionInvalidTarget(text('message')),
      'NoConnection' => VeilidAPIExceptionNoConnection(text('message')),
      'KeyNotFound' => VeilidAPIExceptionKeyNotFound(text('key')),
      'Internal' => VeilidAPIExceptionInternal(text('message')),
      'Unimplemented' => VeilidAPIExceptionUnimplemented(text('message')),
      'ParseError' => VeilidAPIExceptionParseError(
        text('message'),
        text('value'),
      ),
      'InvalidArgument' => VeilidAPIExceptionInvalidArgument(
        text('context'),
        text('argument'),
        text('value'),
      ),
      'MissingArgument' => VeilidAPIExceptionMissingArgument(
        text('context'),
        text('argument'),
      ),
      'Generic' => VeilidAPIExceptionGeneric(text('message')),
      'TransactionNotFound' => VeilidAPIExceptionTransactionNotFound(
        text('message'),
      ),
      final kind => throw FormatException('VeilidAPIError.kind: unknown', kind),
    };
  }

  /// What went wrong, the same in every language.
  ErrorCode get code;

  /// A sentence for people.
  String toDisplayError();

  /// Its value in JSON.
  Map<String, dynamic> toJson();

  @override
  List<Object?> get props => toJson().values.toList();

  @override
  String toString() {
    final fields = [
      for (final MapEntry(:key, :value) in toJson().entries)
        if (key != 'kind') '$key: $value',
    ];
    final details = fields.isEmpty ? '' : ' (${fields.join(', ')})';
    return 'VeilidAPIException: ${code.kind}$details';
  }
}

/// The node is not started, or was shut down.
final class VeilidAPIExceptionNotInitialized extends VeilidAPIException {
  /// Has no fields.
  const VeilidAPIExceptionNotInitialized() : super._();

  @override
  ErrorCode get code => ErrorCode.notInitialized;

  @override
  String toDisplayError() => 'Not initialized';

  @override
  Map<String, dynamic> toJson() => {'kind': 'NotInitialized'};
}

/// A node of this program name and namespace runs already.
final class VeilidAPIExceptionAlreadyInitialized extends VeilidAPIException {
  /// Has no fields.
  const VeilidAPIExceptionAlreadyInitialized() : super._();

  @override
  ErrorCode get code => ErrorCode.alreadyInitialized;

  @override
  String toDisplayError() => 'Already initialized';

  @override
  Map<String, dynamic> toJson() => {'kind': 'AlreadyInitialized'};
}

/// It took too long.
final class VeilidAPIExceptionTimeout extends VeilidAPIException {
  /// Has no fields.
  const VeilidAPIExceptionTimeout() : super._();

  @override
  ErrorCode get code => ErrorCode.timeout;

  @override
  String toDisplayError() => 'Timeout';

  @override
  Map<String, dynamic> toJson() => {'kind': 'Timeout'};
}

/// It is not possible now: offline, no route, or too much at once.
final class VeilidAPIExceptionTryAgain extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionTryAgain(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.tryAgain;

  @override
  String toDisplayError() => 'Try again: $message';

  @override
  Map<String, dynamic> toJson() => {'kind': 'TryAgain', 'message': message};
}

/// The node is shutting down.
final class VeilidAPIExceptionShutdown extends VeilidAPIException {
  /// Has no fields.
  const VeilidAPIExceptionShutdown() : super._();

  @override
  ErrorCode get code => ErrorCode.shutdown;

  @override
  String toDisplayError() => 'Currently shut down';

  @override
  Map<String, dynamic> toJson() => {'kind': 'Shutdown'};
}

/// The target cannot be sent to.
final class VeilidAPIExceptionInvalidTarget extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionInvalidTarget(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.invalidTarget;

  @override
  String toDisplayError() => 'Invalid target: $message';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'InvalidTarget',
    'message': message,
  };
}

/// The target could not be reached.
final class VeilidAPIExceptionNoConnection extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionNoConnection(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.noConnection;

  @override
  String toDisplayError() => 'No connection: $message';

  @override
  Map<String, dynamic> toJson() => {'kind': 'NoConnection', 'message': message};
}

/// There is no such key.
final class VeilidAPIExceptionKeyNotFound extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionKeyNotFound(this.key) : super._();

  /// The key, without its encryption key.
  final String key;

  @override
  ErrorCode get code => ErrorCode.keyNotFound;

  @override
  String toDisplayError() => 'Key not found: $key';

  @override
  Map<String, dynamic> toJson() => {'kind': 'KeyNotFound', 'key': key};
}

/// A failure inside the node.
final class VeilidAPIExceptionInternal extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionInternal(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.internal;

  @override
  String toDisplayError() => 'Internal: $message';

  @override
  Map<String, dynamic> toJson() => {'kind': 'Internal', 'message': message};
}

/// This build, or this platform, cannot do it.
final class VeilidAPIExceptionUnimplemented extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionUnimplemented(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.unimplemented;

  @override
  String toDisplayError() => 'Unimplemented: $message';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'Unimplemented',
    'message': message,
  };
}

/// A text or bytes could not be read.
final class VeilidAPIExceptionParseError extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionParseError(this.message, this.value) : super._();

  /// Why.
  final String message;

  /// What could not be read.
  final String value;

  @override
  ErrorCode get code => ErrorCode.parseError;

  @override
  String toDisplayError() => 'Parse error: $message';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'ParseError',
    'message': message,
    'value': value,
  };
}

/// An argument has a value that is not allowed.
final class VeilidAPIExceptionInvalidArgument extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionInvalidArgument(
    this.context,
    this.argument,
    this.value,
  ) : super._();

  /// What was being done, or what is wrong.
  final String context;

  /// The name of the argument.
  final String argument;

  /// Its value.
  final String value;

  @override
  ErrorCode get code => ErrorCode.invalidArgument;

  @override
  String toDisplayError() => 'Invalid argument $argument: $context';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'InvalidArgument',
    'context': context,
    'argument': argument,
    'value': value,
  };
}

/// An argument is missing.
final class VeilidAPIExceptionMissingArgument extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionMissingArgument(this.context, this.argument)
    : super._();

  /// What was being done, or what is wrong.
  final String context;

  /// The name of the argument.
  final String argument;

  @override
  ErrorCode get code => ErrorCode.missingArgument;

  @override
  String toDisplayError() => 'Missing argument $argument: $context';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'MissingArgument',
    'context': context,
    'argument': argument,
  };
}

/// It failed; the message says why.
final class VeilidAPIExceptionGeneric extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionGeneric(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.generic;

  @override
  String toDisplayError() => message;

  @override
  Map<String, dynamic> toJson() => {'kind': 'Generic', 'message': message};
}

/// The transaction has ended.
final class VeilidAPIExceptionTransactionNotFound extends VeilidAPIException {
  /// Puts the parts together.
  const VeilidAPIExceptionTransactionNotFound(this.message) : super._();

  /// Why.
  final String message;

  @override
  ErrorCode get code => ErrorCode.transactionNotFound;

  @override
  String toDisplayError() => 'Transaction not found: $message';

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'TransactionNotFound',
    'message': message,
  };
}
