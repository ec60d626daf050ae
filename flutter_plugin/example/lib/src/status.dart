import 'package:flutter/material.dart';
import 'package:voile/voile.dart';

import 'node_model.dart';
import 'scope.dart';

/// How well the node is connected, in a few words.
class StatusChip extends StatelessWidget {
  const StatusChip({super.key});

  @override
  Widget build(BuildContext context) {
    final node = Scope.of<NodeModel>(context);
    final colors = Theme.of(context).colorScheme;
    final state = node.attachment?.state ?? AttachmentState.detached;
    final (text, color) = switch (state) {
      _ when node.ready => ('Ready', colors.primary),
      AttachmentState.detached => ('Offline', colors.error),
      AttachmentState.detaching => ('Leaving', colors.outline),
      AttachmentState.attaching => ('Joining', colors.tertiary),
      AttachmentState.attachedWeak ||
      AttachmentState.attachedFair ||
      AttachmentState.attachedGood ||
      AttachmentState.attachedStrong ||
      AttachmentState.attachedFull => ('Preparing', colors.tertiary),
    };
    return Tooltip(
      message: '${node.peers} nodes known, ${state.toJson()}',
      child: Chip(
        avatar: node.ready
            ? Icon(Icons.circle, size: 14, color: color)
            : SizedBox.square(
                dimension: 14,
                child: CircularProgressIndicator(strokeWidth: 2, color: color),
              ),
        label: Text(text),
        side: BorderSide.none,
      ),
    );
  }
}

/// What is wrong, when something is.
class Problem extends StatelessWidget {
  const Problem(this.text, {super.key});

  final String? text;

  @override
  Widget build(BuildContext context) {
    final text = this.text;
    if (text == null) {
      return const SizedBox.shrink();
    }
    final colors = Theme.of(context).colorScheme;
    return Card(
      color: colors.errorContainer,
      child: ListTile(
        leading: Icon(Icons.error_outline, color: colors.onErrorContainer),
        title: Text(text, style: TextStyle(color: colors.onErrorContainer)),
      ),
    );
  }
}
