import 'package:flutter/widgets.dart';

/// Gives a model to the widgets below, and builds those that use it again when it
/// changes.
class Scope<T extends ChangeNotifier> extends InheritedNotifier<T> {
  const Scope({required T model, required super.child, super.key})
    : super(notifier: model);

  /// The model of this type above [context], for `build` methods.
  static T of<T extends ChangeNotifier>(BuildContext context) =>
      context.dependOnInheritedWidgetOfExactType<Scope<T>>()!.notifier!;

  /// The same, for what happens when a button is pressed.
  static T read<T extends ChangeNotifier>(BuildContext context) =>
      context.getInheritedWidgetOfExactType<Scope<T>>()!.notifier!;
}
