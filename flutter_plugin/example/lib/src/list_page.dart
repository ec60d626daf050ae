import 'package:flutter/material.dart';

import 'invitation.dart';
import 'list_model.dart';
import 'node_model.dart';
import 'scope.dart';
import 'status.dart';
import 'theme.dart';

/// The shared list, or how to get one.
class ListPage extends StatefulWidget {
  const ListPage({super.key});

  @override
  State<ListPage> createState() => _ListPageState();
}

class _ListPageState extends State<ListPage> {
  final TextEditingController _text = TextEditingController();

  @override
  void dispose() {
    _text.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    final list = Scope.of<ListModel>(context);
    final node = Scope.of<NodeModel>(context);
    return Readable(
      child: ListView(
        padding: const EdgeInsets.all(16),
        children: [
          Problem(list.problem),
          if (list.open) ...[
            TextField(
              controller: _text,
              textInputAction: TextInputAction.done,
              onSubmitted: (_) => _add(list),
              decoration: InputDecoration(
                hintText: 'What is needed?',
                suffixIcon: IconButton(
                  tooltip: 'Add',
                  icon: const Icon(Icons.add),
                  onPressed: () => _add(list),
                ),
              ),
            ),
            const SizedBox(height: 8),
            if (list.busy)
              const LinearProgressIndicator()
            else
              const SizedBox(height: 4),
            for (final item in list.items)
              Card(
                child: CheckboxListTile(
                  controlAffinity: ListTileControlAffinity.leading,
                  value: item.done,
                  onChanged: (done) => list.check(item, done: done ?? false),
                  title: Text(
                    item.text,
                    style: item.done
                        ? const TextStyle(
                            decoration: TextDecoration.lineThrough,
                          )
                        : null,
                  ),
                  secondary: IconButton(
                    tooltip: 'Remove',
                    icon: const Icon(Icons.delete_outline),
                    onPressed: () => list.remove(item),
                  ),
                ),
              ),
            if (list.items.isEmpty)
              const Padding(
                padding: EdgeInsets.all(32),
                child: Text(
                  'Nothing is on the list.',
                  textAlign: TextAlign.center,
                ),
              ),
            const SizedBox(height: 16),
          ],
          InvitationCard(
            title: list.open ? 'Share this list' : 'A list for several',
            explanation: node.ready
                ? 'Everybody with the invitation can read and write it, also '
                      'while the others are away.'
                : 'One moment: the node is still getting ready.',
            invitation: list.invitation,
            busy: list.busy || !node.ready,
            makeLabel: 'Make a list',
            onMake: list.create,
            onJoin: list.join,
          ),
          if (list.open)
            TextButton.icon(
              onPressed: list.leave,
              icon: const Icon(Icons.close),
              label: const Text('Forget it on this device'),
            ),
        ],
      ),
    );
  }

  void _add(ListModel list) {
    final text = _text.text.trim();
    if (text.isNotEmpty) {
      _text.clear();
      list.add(text);
    }
  }
}
