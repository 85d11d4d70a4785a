<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Observer;

use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\Watchers;

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
     * @var Watchers
     */
    private $watchers;

    /**
     * @param Fence $fence
     * @param Watchers $watchers
     */
    public function __construct(Fence $fence, Watchers $watchers)
    {
        $this->fence = $fence;
        $this->watchers = $watchers;
    }

    /**
     * @inheritdoc
     */
    public function execute(Observer $observer)
    {
        $event = $observer->getEvent();
        $name = (string)$event->getName();
        $this->fence->run($name, function () use ($name, $event): void {
            $watcher = $this->watchers->of($name);
            if ($watcher !== null) {
                $watcher->on($name, $event);
            }
        });
    }
}
