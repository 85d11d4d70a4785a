<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Observer;

use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;

/**
 * Observes all events of etc/events.xml and passes each to its watcher.
 */
class CaptureEvent implements ObserverInterface
{
    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var WatcherInterface[]
     */
    private $watchers;

    /**
     * @param Fence $fence
     * @param WatcherInterface[] $watchers by the event's name
     */
    public function __construct(Fence $fence, array $watchers = [])
    {
        $this->fence = $fence;
        $this->watchers = $watchers;
    }

    public function execute(Observer $observer)
    {
        $event = $observer->getEvent();
        $name = (string)$event->getName();
        if (isset($this->watchers[$name])) {
            $this->fence->run($name, function () use ($name, $event): void {
                $this->watchers[$name]->on($name, $event);
            });
        }
    }
}
