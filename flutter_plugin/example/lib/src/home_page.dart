import 'package:flutter/material.dart';

import 'chat_page.dart';
import 'list_page.dart';
import 'node_model.dart';
import 'scope.dart';
import 'start_page.dart';
import 'status.dart';

/// The pages beside each other, with what leads from one to the other at the side
/// or, on a phone, below.
class HomePage extends StatefulWidget {
  const HomePage({super.key});

  @override
  State<HomePage> createState() => _HomePageState();
}

class _HomePageState extends State<HomePage> {
  int _page = 0;

  static const List<(IconData icon, String label)> _pages = [
    (Icons.forum_outlined, 'Chat'),
    (Icons.checklist_outlined, 'List'),
  ];

  @override
  Widget build(BuildContext context) {
    final node = Scope.of<NodeModel>(context);
    if (node.phase != NodePhase.running) {
      return const StartPage();
    }
    return LayoutBuilder(
      builder: (context, constraints) {
        final wide = constraints.maxWidth >= 720;
        final page = IndexedStack(
          index: _page,
          children: const [ChatPage(), ListPage()],
        );
        return Scaffold(
          appBar: AppBar(
            title: Text(_pages[_page].$2),
            actions: [
              const StatusChip(),
              IconButton(
                tooltip: 'Leave the network',
                icon: const Icon(Icons.power_settings_new),
                onPressed: node.stop,
              ),
              const SizedBox(width: 8),
            ],
          ),
          body: SafeArea(
            child: wide
                ? Row(
                    children: [
                      NavigationRail(
                        selectedIndex: _page,
                        onDestinationSelected: _go,
                        labelType: NavigationRailLabelType.all,
                        destinations: [
                          for (final (icon, label) in _pages)
                            NavigationRailDestination(
                              icon: Icon(icon),
                              label: Text(label),
                            ),
                        ],
                      ),
                      const VerticalDivider(width: 1),
                      Expanded(child: page),
                    ],
                  )
                : page,
          ),
          bottomNavigationBar: wide
              ? null
              : NavigationBar(
                  selectedIndex: _page,
                  onDestinationSelected: _go,
                  destinations: [
                    for (final (icon, label) in _pages)
                      NavigationDestination(icon: Icon(icon), label: label),
                  ],
                ),
        );
      },
    );
  }

  void _go(int page) => setState(() => _page = page);
}
