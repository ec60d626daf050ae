import 'package:flutter/material.dart';

import 'src/chat_model.dart';
import 'src/home_page.dart';
import 'src/list_model.dart';
import 'src/node_model.dart';
import 'src/scope.dart';
import 'src/theme.dart';

void main() {
  WidgetsFlutterBinding.ensureInitialized();
  runApp(const ExampleApp());
}

/// The application: its models live as long as it does.
class ExampleApp extends StatefulWidget {
  const ExampleApp({this.node, super.key});

  /// The node to use; null: the one of this process.
  final NodeModel? node;

  @override
  State<ExampleApp> createState() => _ExampleAppState();
}

class _ExampleAppState extends State<ExampleApp> {
  late final NodeModel _node = widget.node ?? NodeModel();
  late final ChatModel _chat = ChatModel(_node);
  late final ListModel _list = ListModel(_node);

  @override
  void dispose() {
    _chat.dispose();
    _list.dispose();
    _node.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) => Scope<NodeModel>(
    model: _node,
    child: Scope<ChatModel>(
      model: _chat,
      child: Scope<ListModel>(
        model: _list,
        child: MaterialApp(
          title: 'Voile',
          debugShowCheckedModeBanner: false,
          theme: theme(Brightness.light),
          darkTheme: theme(Brightness.dark),
          home: const HomePage(),
        ),
      ),
    ),
  );
}
