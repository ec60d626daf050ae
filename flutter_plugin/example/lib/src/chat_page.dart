import 'package:flutter/material.dart';

import 'chat_model.dart';
import 'invitation.dart';
import 'node_model.dart';
import 'scope.dart';
import 'status.dart';
import 'theme.dart';

/// The chat, or how to get into one.
class ChatPage extends StatefulWidget {
  const ChatPage({super.key});

  @override
  State<ChatPage> createState() => _ChatPageState();
}

class _ChatPageState extends State<ChatPage> {
  final TextEditingController _text = TextEditingController();
  final FocusNode _focus = FocusNode();

  @override
  void dispose() {
    _text.dispose();
    _focus.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    final chat = Scope.of<ChatModel>(context);
    final node = Scope.of<NodeModel>(context);
    return Readable(
      child: chat.connected || chat.lines.isNotEmpty
          ? _conversation(context, chat)
          : ListView(
              padding: const EdgeInsets.all(16),
              children: [
                Problem(chat.problem),
                InvitationCard(
                  title: 'Talk to somebody',
                  explanation: node.ready
                      ? 'Messages take a private route: neither of you learns '
                            'where the other is.'
                      : 'One moment: the node is still getting ready.',
                  invitation: chat.invitation,
                  busy: chat.busy || !node.ready,
                  makeLabel: 'Invite somebody',
                  onMake: chat.invite,
                  onJoin: chat.join,
                ),
              ],
            ),
    );
  }

  Widget _conversation(BuildContext context, ChatModel chat) => Column(
    children: [
      Problem(chat.problem),
      Expanded(
        child: ListView.builder(
          reverse: true,
          padding: const EdgeInsets.all(16),
          itemCount: chat.lines.length,
          itemBuilder: (context, i) =>
              Bubble(line: chat.lines[chat.lines.length - 1 - i]),
        ),
      ),
      Padding(
        padding: const EdgeInsets.fromLTRB(16, 0, 16, 16),
        child: Row(
          children: [
            IconButton(
              tooltip: 'End the chat',
              icon: const Icon(Icons.logout),
              onPressed: chat.leave,
            ),
            const SizedBox(width: 8),
            Expanded(
              child: TextField(
                controller: _text,
                focusNode: _focus,
                textInputAction: TextInputAction.send,
                onSubmitted: (_) => _send(chat),
                decoration: const InputDecoration(hintText: 'Message'),
              ),
            ),
            const SizedBox(width: 8),
            IconButton.filled(
              tooltip: 'Send',
              icon: const Icon(Icons.send),
              onPressed: () => _send(chat),
            ),
          ],
        ),
      ),
    ],
  );

  void _send(ChatModel chat) {
    final text = _text.text.trim();
    if (text.isNotEmpty) {
      _text.clear();
      chat.send(text);
    }
    _focus.requestFocus();
  }
}

/// One line of the chat.
class Bubble extends StatelessWidget {
  const Bubble({required this.line, super.key});

  final ChatLine line;

  @override
  Widget build(BuildContext context) {
    final colors = Theme.of(context).colorScheme;
    final background = line.mine
        ? colors.primaryContainer
        : colors.surfaceContainerHighest;
    final foreground = line.mine ? colors.onPrimaryContainer : colors.onSurface;
    return Align(
      alignment: line.mine ? Alignment.centerRight : Alignment.centerLeft,
      child: Container(
        margin: const EdgeInsets.symmetric(vertical: 4),
        padding: const EdgeInsets.symmetric(horizontal: 16, vertical: 10),
        constraints: const BoxConstraints(maxWidth: 480),
        decoration: BoxDecoration(
          color: background,
          borderRadius: BorderRadius.circular(20),
        ),
        child: Row(
          mainAxisSize: MainAxisSize.min,
          children: [
            Flexible(
              child: SelectableText(
                line.text,
                style: TextStyle(color: foreground),
              ),
            ),
            if (line.delivery != null) ...[
              const SizedBox(width: 8),
              Icon(
                switch (line.delivery!) {
                  Delivery.sending => Icons.schedule,
                  Delivery.delivered => Icons.done,
                  Delivery.failed => Icons.error_outline,
                },
                size: 16,
                color: line.delivery == Delivery.failed
                    ? colors.error
                    : foreground,
                semanticLabel: line.delivery!.name,
              ),
            ],
          ],
        ),
      ),
    );
  }
}
