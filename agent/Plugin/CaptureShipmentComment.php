<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Sales\Model\Order\Shipment\Comment;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\ShipmentComment;

/**
 * Captures comments that are added to a shipment later: Magento dispatches no event of their own for them.
 */
class CaptureShipmentComment
{
    private const SAVED = 'plugin:shipment_comment.save';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * Captures the shipment; called within the comment's transaction.
     *
     * @param Comment $comment
     * @param mixed $result
     * @return mixed
     */
    public function afterAfterSave(Comment $comment, $result)
    {
        $this->capture($comment);

        return $result;
    }

    /**
     * Captures the shipment without the deleted comment.
     *
     * @param Comment $comment
     * @param mixed $result
     * @return mixed
     */
    public function afterAfterDelete(Comment $comment, $result)
    {
        $this->capture($comment);

        return $result;
    }

    /**
     * Captures a comment's shipment.
     */
    private function capture(Comment $comment): void
    {
        $this->gate->run(self::SAVED, ShipmentComment::class, function (ShipmentComment $comments) use ($comment): void {
            $comments->saved((int)$comment->getParentId());
        });
    }
}
